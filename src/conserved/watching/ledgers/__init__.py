"""What steps must do to laws."""
