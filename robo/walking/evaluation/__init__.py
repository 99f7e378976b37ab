"""Does it walk? A trained walker measured, condition by condition, with a report page."""
