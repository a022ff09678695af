"""Child processes: the forkserver that makes them, and what runs inside."""
