"""The second simulator: the robot of MuJoCo, exported, proved and walked in PyBullet."""
