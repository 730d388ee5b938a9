"""What a person pastes or uploads becomes passages. No gradio here: text or a path in, data out."""
