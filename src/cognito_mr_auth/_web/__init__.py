"""What all HTTP adapters share: from a request to a token, from an error to a response."""
