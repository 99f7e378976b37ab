"""Hand-written requests with two things or a condition in one sentence, and small talk."""

from typing import Final

TWO_GOALS: Final = (
    "put {the} {on} and {the2} {on2}",
    "put {the} {on}, {the2} {on2}",
    "place {the} {on} and {the2} {on2}",
    "move {the} {to} and {the2} {to2}",
    "take {the} {to} and {the2} {to2}",
    "bring {the} {to} and {the2} {to2}",
    "{the} goes {on} and {the2} goes {on2}",
    "{the} {to}, {the2} {to2}",
    "I want {the} {on} and {the2} {on2}",
    "{the} belongs {on}, while {the2} belongs {on2}",
    "carry {the} {to}, and {the2} {to2}",
    "set {the} down {on} and {the2} {on2}",
    "deliver {the} {to} and {the2} {to2}",
    "I'd like {the} to be {on} and {the2} {on2}",
    "leave {the} {on} but put {the2} {on2}",
    "sort these: {the} {to}, {the2} {to2}",
)
"""Mostly with one verb for both."""

STEP_BY_STEP: Final = (
    "pick up {the}, go {to} and put it down",
    "grab {the}, drive {to}, and put it down there",
    "find {the}, pick it up, take it {to} and leave it there",
    "go to {the}, pick it up and bring it {to}",
    "find {the}. It goes {on}.",
    "take {the}; carry it {to}; set it down",
    "get {the} and then place it {on}",
    "see {the}? It should be {on}.",
    "first pick up {the}, then put it {on}",
    "pick up {the}. Then drop it {on}.",
    "lift {the}, move {to}, let go",
    "look for {the}, and when you have found it, put it {on}",
)

STEP_BY_STEP_USER: Final = (
    "find {the}, pick it up and bring it to me",
    "go to {the}, grab it and come back to me with it",
    "pick up {the}, then bring it over",
    "first find {the}, then hand it to me",
    "get hold of {the} and return with it",
    "look for {the}. When you have it, give it to me.",
    "locate {the}, take it, and deliver it to me",
)

CARRY: Final = (
    "pick up {the} and go {to}",
    "take {the} and wait at {place}",
    "grab {the} and drive {to}, but keep holding it",
    "hold {the} while you go {to}",
    "go {to} with {the} in your hand",
    "bring {the} {to} and don't put it down",
    "pick up {the} and hold it at {place}",
    "stand at {place} holding {the}",
    "pick {the} up and take it {to}, but keep it in your hand",
    "I want you at {place} with {the} in your gripper",
)
"""The thing stays in the hand."""

RELEASE_FIRST: Final = (
    "put that down and {c}",
    "drop what you are holding and {c}",
    "put down {the} and {c}",
    "let go of {the}, then {c}",
    "free your hand first, then {c}",
    "leave {the} here and {c}",
    "{c}, but put {the} down first",
    "set {the} aside and {c}",
    "never mind {the}. {c} instead",
)
"""{the} is in the hand."""

EITHER: Final = (
    "bring me {a} or {a2}",
    "get me either {a} or {a2}",
    "I'd like {a} or {a2}",
    "{a} or {a2}, whatever you find",
    "can I have {a} or {a2}?",
    "fetch {a}, or {a2}, I don't care which",
    "I'll take {a} or {a2}",
    "hand me {a} or maybe {a2}",
)

OTHERWISE: Final = (
    "bring me {a}, or {a2} if there is none",
    "if there is {a}, bring it to me, otherwise bring {a2}",
    "I'd like {a}. If you can't see one, {a2} will do.",
    "get me {a}, and if we are out of that, {a2}",
    "preferably {a}, but {a2} is fine too",
    "bring {a}; should there be none, bring {a2}",
    "do we have {a}? If not, I'll have {a2}.",
    "I want {a}, else {a2}",
)

SEARCH: Final = (
    "look in the drawers for {the} and bring it to me",
    "{the} must be in one of the drawers, get it for me",
    "I put {the} in a drawer, but I forgot which. Bring it.",
    "search the drawers until you find {the}, then bring it to me",
    "there is {a} in one of the drawers. I want it.",
    "{the} is hidden somewhere. Find it and bring it here.",
    "I can't see {the} anywhere. Can you look for it and hand it to me?",
    "check the drawers for {the} and fetch it",
)

ALL_BUT: Final = (
    "throw away everything {at} except {the}",
    "clear {place} but leave {the}",
    "everything {at} is garbage, apart from {the}",
    "bin all that is {at} other than {the}",
    "clean up {place}, but keep {the} there",
    "get rid of whatever is {at}, but don't touch {the}",
)

ALL_BUT_MOVE: Final = (
    "move everything {at} except {the} {to}",
    "put everything {at} but {the} {on}",
    "all that is {at} goes {on}, only {the} stays",
    "take everything {at} {to} and leave {the} alone",
)

KEEP: Final = (
    "{c}, and don't touch {not}",
    "{c}, but leave {not} alone",
    "leave {not} where it is and {c}",
    "{c}. {not} can stay where it is.",
    "{c}, not {not}",
)
"""{not} stays where it is."""

PAIRS: Final = (
    "put two {p} and {a} {on}",
    "move both {p} and {the} {to}",
    "{a} and two {p} should be {on}",
    "get two {p} as well as {a} {to}",
    "we need two {p} and one {x} {on}",
    "place two {p} {on}, and {a} too",
    "take the two {p} {to}, {the} as well",
)

PAIRS_USER: Final = (
    "bring me two {p} and {a}",
    "I want two {p} and {a}",
    "get us two {p} and one {x}",
    "{a} and two {p}, please",
    "hand me both {p} and {the}",
    "two {p} for us and {a}, bring them here",
)

PAIRS_TRASH: Final = (
    "throw away two {p} and {the}",
    "both {p} and {the} are garbage",
    "get rid of the two {p} and {the}",
    "toss {the} and both {p}",
)

KINDS: Final = (
    "{p} {on}, {p2} {on2}",
    "sort the kitchen: {p} {on}, {p2} {on2}",
    "put {p} {on} and {p2} {on2}",
    "{p} go {on} and {p2} {on2}",
    "tidy up: {p} belong {on}, {p2} belong {on2}",
    "I want {p} {on} and {p2} {on2}",
    "bring {p} {to} and {p2} {to2}",
    "separate things: {p} {to}, {p2} {to2}",
    "all {p} should be {on}, all {p2} {on2}",
    "can you sort a bit? {p} {on}, {p2} {on2}",
)
"""Two kinds of things, each to its own place."""

ALREADY: Final = (
    "{the} belongs {on}. If it is there already, leave it.",
    "make sure {the} is {on}",
    "check that {the} is {on}, and if not, put it there",
    "unless {the} is {on} already, put it there",
    "{the} has to be {on}; do nothing if it is",
)

SMALL_TALK: Final = (
    "It's been raining all day.",
    "I just got home.",
    "My back hurts.",
    "I'm sitting on the couch.",
    "My parents are visiting.",
    "I have a meeting in five minutes.",
    "We have company tonight.",
    "I'm setting things up for later.",
    "I was reading a book.",
    "You look great today.",
    "I know you're busy.",
    "The kids are at school.",
    "It's Friday.",
    "I just cleaned the floor.",
    "I'm in the middle of something.",
    "I don't want to get up.",
    "This place needs some order.",
    "My roommate is coming soon.",
    "We're about to start.",
    "Sorry, I keep asking for things.",
    "I love what you did yesterday.",
    "I can't reach it myself.",
    "Work was exhausting.",
    "The power is back.",
    "I have a small request.",
)

AFTERTHOUGHTS: Final = (
    "I'm watching a movie.",
    "I'll be right here.",
    "My friend will be happy.",
    "I can't do it myself.",
    "I'm too lazy to get up.",
    "No rush.",
    "I have to leave soon.",
    "It bothers me.",
    "You'd make my day.",
    "My hands are full.",
    "I'll wait.",
    "We need it for the party.",
    "That is where I need it.",
    "I owe you one.",
)
