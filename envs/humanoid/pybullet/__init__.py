"""The second simulator: MuJoCo's robot, exported to PyBullet, verified and walked there."""
