"""Phoenix: can this telemetry pipeline be made cheaper without losing the answers people rely on?"""
