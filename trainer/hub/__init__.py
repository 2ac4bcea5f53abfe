"""Text and image models from elsewhere: a Hugging Face hub, where one is reachable, or a folder."""
