"""What goes on beside the rows of a watched table: indexes that follow them, and events to tell."""
