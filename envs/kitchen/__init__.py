"""A kitchen with a mobile manipulator (`robo/Kitchen-v1`)."""
