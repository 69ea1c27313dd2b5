"""How anyone speaks to the API: the Client protocol and its HTTP implementation."""
