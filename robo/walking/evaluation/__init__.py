"""Does it walk? A trained walker measured, condition by condition, and the page that shows it."""
