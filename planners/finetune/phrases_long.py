"""Hand-written requests about several things, and two-part stories."""

from typing import Final

SPILLS: Final = (
    "I spilled {the}, can you throw it away and bring me something to clean up with?",
    "I spilled {the}. Throw it away and bring me a sponge.",
    "{the} got spilled. Toss it and get me something to wipe with.",
    "Oh no, I knocked over {the}. Please bin it, then bring me a sponge.",
    "I spilled {the}, how would you throw it away and help me clean?",
    "{the} leaked. Dispose of it and bring something for wiping.",
    "{the} tipped over, so get rid of it and fetch me the sponge.",
    "Trash {the} that I spilled, and I'll need something to wipe the mess too.",
    "My cat knocked over {the}. It can go in the bin, and I want to mop up after it.",
)
"""{the} goes to the trash, then a cleaner to the user."""

REPLACEMENTS: Final = (
    "{the} has gone bad. Throw it away and bring me {a2} instead.",
    "Throw away {the} and bring me {a2}.",
    "Take {the} to the trash and get me {a2} as a replacement.",
    "I don't want {the} any more. Bin it, and give me {a2}.",
    "Get rid of {the} and bring {a2} over.",
    "{the} is empty. Trash it and get me {a2}.",
    "I'm done with {the}, throw it out. I'd like {a2} now.",
    "Replace {the}: toss it and bring me {a2}.",
    "first bin {the}, then bring me {a2}",
    "Bring me {a2} after you've thrown away {the}.",
    "Before you bring me {a2}, dispose of {the}.",
)
"""{the} goes to the trash, then {a2} to the user."""

LEFTOVERS: Final = (
    "I left out {list}. Can you throw them away?",
    "I left {list} out, can you throw them away and then bring me something to wipe with?",
    "{list} are leftovers from the party. Throw them all away.",
    "{list} have expired, please get rid of them.",
    "After lunch there are {list} still lying around. All of it is garbage.",
    "{list} went bad. Into the trash with all of it.",
    "The kids left {list} behind, put them in the bin.",
    "Please clear up: {list} belong in the trash.",
    "Nobody is going to have {list} any more, so toss them.",
)

WIPE_PLACE: Final = (
    "there's a spill on {place}, wipe it with the sponge",
    "{place} is dirty. Bring the sponge over there.",
    "{place} needs to be wiped, take something to wipe with there",
    "someone spilled juice on {place}, put the sponge there so I can clean it later",
    "{place} is covered in crumbs, get a sponge there",
    "I want to clean {place} later, so put something to clean with there",
    "take the sponge and clean {place}",
    "wipe down {place}",
    "wipe {place}",
    "clean {place} with the sponge",
    "clean up the spill on {place}",
    "{place} is sticky, leave a sponge on it",
)
"""A cleaner goes to the place."""

ALL_TO_PLACE: Final = (
    "move {all} {to}",
    "put {all} {on}",
    "take {all} and put them {on}",
    "bring {all} {to}",
    "gather {all} {on}",
    "collect {all} {on}",
    "carry {all} {to}",
    "{all} should be {on}",
    "{all} belong {on}",
    "I want {all} {on}",
    "place {all} {on}",
    "transfer {all} {to}",
    "get {all} {to}",
    "line up {all} {on}",
    "relocate {all} {to}",
    "sort {all} {on}",
)

ALL_TO_TRASH: Final = (
    "throw away {all}",
    "throw {all} away",
    "get rid of {all}",
    "toss {all}",
    "{all} can go in the bin",
    "dispose of {all}",
    "put {all} in the trash",
    "bin {all}",
    "discard {all}",
    "{all} should be thrown out",
    "clear out {all}, they are garbage",
    "clean up: throw out {all}",
    "trash {all}",
)

ALL_TO_USER: Final = (
    "bring me {all}",
    "I want {all}",
    "get me {all}",
    "hand me {all}",
    "fetch {all} for me",
    "deliver {all} to me",
    "could I have {all}?",
    "bring {all} over here",
    "collect {all} and bring them to me",
    "I need {all} here",
)

CLEAR_PLACE: Final = (
    "clear {place} and throw everything away",
    "clear off {place}, it is all garbage",
    "throw away everything {at}",
    "everything {at} is trash",
    "empty {place} into the bin",
    "clean up {place} by throwing everything out",
    "tidy {place}: bin whatever lies there",
    "toss whatever is {at}",
    "get rid of everything {at}",
    "everything that's still {at} goes in the trash",
    "all of what is {at} should be thrown out",
    "throw out all that's left {at}",
    "dinner is over, bin everything {at}",
    "whatever lies {at} is waste",
)
"""Everything at the place goes to the trash; {at} is e.g. "on the table"."""

MOVE_ALL_FROM: Final = (
    "move everything {at} {to}",
    "take everything {at} and put it {on}",
    "whatever is {at} should go {on}",
    "clear {place} and put the things {on}",
    "everything {at} belongs {on}",
    "transfer all that is {at} {to}",
    "make room {at}: put it all {on}",
    "relocate all items {at} {to}",
    "empty {place}, all of it should end up {on}",
    "all that's {at} has to be {on}",
    "unload {place}: everything goes {on}",
    "take all the things {at} {to}",
)

BRING_ALL_FROM: Final = (
    "bring me everything {at}",
    "bring me whatever is {at}",
    "I want everything {at}",
    "get me what's {at}",
    "fetch everything that lies {at}",
    "bring all the things {at} to me",
)

SWAPS: Final = (
    "swap {the} and {the2}",
    "switch {the} with {the2}",
    "exchange the places of {the} and {the2}",
    "put {the} where {the2} is and {the2} where {the} is",
    "let {the} and {the2} trade places",
    "interchange {the} and {the2}",
    "{the} and {the2} should change places",
    "make {the} and {the2} switch positions",
    "{the} has to be where {the2} is now, and the other way round",
)

TOGETHER: Final = (
    "put {the} next to {the2}",
    "place {the} beside {the2}",
    "put {the} with {the2}",
    "bring {the} to where {the2} is",
    "move {the} over to {the2}",
    "I want {the} in the same place as {the2}",
    "{the} should be together with {the2}",
)
