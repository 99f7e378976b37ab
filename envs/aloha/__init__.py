"""Two ViperX arms at a table: transfer cube and insertion, the tasks that ACT was evaluated on."""
