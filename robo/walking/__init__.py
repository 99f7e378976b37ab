"""The walker: trained, checked in a second simulator, measured, and handed out to a robot."""
