"""Hand-written ways to ask the robot to go somewhere, come or make a round.

Slots: as in `phrases_place`.
"""

from typing import Final

GO_IMPERATIVES: Final = (
    "go to {place}",
    "go over to {place}",
    "move to {place}",
    "drive to {place}",
    "drive over to {place}",
    "navigate to {place}",
    "head to {place}",
    "head over to {place}",
    "walk to {place}",
    "roll over to {place}",
    "travel to {place}",
    "get to {place}",
    "proceed to {place}",
    "make your way to {place}",
    "approach {place}",
    "stand at {place}",
    "stand next to {place}",
    "position yourself at {place}",
    "wait at {place}",
    "visit {place}",
    "park yourself by {place}",
    "stop by {place}",
    "check out {place}",
    "take yourself to {place}",
)

GO_SENTENCES: Final = (
    "I want you at {place}.",
    "You should be at {place}.",
    "Could you go and wait by {place}?",
    "Meet me at {place}.",
    "Your place is at {place}.",
    "I need you over at {place}.",
    "Someone needs you at {place}.",
    "Why aren't you at {place}?",
    "How would you get to {place}?",
    "Off you go, to {place}.",
    "To {place}, please.",
    "Patrol {place}.",
)

COME_SENTENCES: Final = (
    "come here",
    "come to me",
    "come over here",
    "come back to me",
    "come back",
    "return to me",
    "get over here",
    "drive to me",
    "move over to me",
    "I need you here",
    "approach me",
    "come closer",
    "join me",
    "come to where I am",
    "go to the user",
    "move to the user",
    "stand next to me",
    "I want you by my side",
    "come to my side",
    "back to me, please",
)

GO_AND_COME_BACK: Final = (
    "go to {place} and come back",
    "go to {place} and then come back to me",
    "drive to {place}, then return to me",
    "make a trip to {place} and back to me",
    "visit {place} and come back here",
    "go over to {place} and return",
    "check {place} and come back",
    "take a round trip to {place}",
    "have a look at {place}, then come back to me",
    "run to {place} and back",
    "go see {place} and report back to me",
    "head to {place} and then get back here",
    "look what is lying on {place} and report back",
    "peek at {place} and come back to tell me",
    "inspect {place}, then return here",
    "see what's on {place}, then come to me",
)

GO_THREE: Final = (
    "go to {place}, then to {place2}, then {place3}",
    "visit {place}, {place2} and finally {place3}",
    "first drive to {place}, after that to {place2}, and end at {place3}",
    "make a tour: {place}, {place2}, {place3}",
    "do a round: {place}, {place2}, {place3}",
    "pass by {place} and {place2} and then go to {place3}",
    "check {place}, check {place2}, then go to {place3}",
    "inspect {place} and {place2}; after that drive to {place3}",
)

TOUR_AND_BACK: Final = (
    "go to {place}, then to {place2}, then come to me",
    "look at {place} and at {place2}, then come back here",
    "visit {place} and {place2} and return to me",
    "make a round past {place} and {place2}, and come back",
    "check {place}, check {place2}, come back",
    "have a look at what is on {place} and {place2} and report back to me",
    "drive by {place} and {place2} before you come to me",
    "inspect {place}, then {place2}, and get back to my side",
)

GO_TWO: Final = (
    "go to {place} and then to {place2}",
    "go to {place}, then go to {place2}",
    "first go to {place}, after that to {place2}",
    "visit {place} and {place2}",
    "visit {place}, then {place2}",
    "drive from {place} to {place2}",
    "pass by {place} on your way to {place2}",
    "move to {place}, and from there to {place2}",
    "stop at {place} before going to {place2}",
    "patrol {place} and {place2}",
    "before you go to {place2}, go to {place}",
    "swing by {place} and end up at {place2}",
)
