"""How anyone speaks to the API: the Client protocol (`interface`) and its HTTP implementation (`http`).

Controllers, agents and the command line come through here; nobody else opens a connection to the API server. Errors
are `phoenix.apimachinery.errors` plus the two of `errors`. Knows no policy and keeps no state between calls.
"""
