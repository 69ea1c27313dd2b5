"""OTTL, the OpenTelemetry Transformation Language: lexer, parser, and compilation to closures over OTLP messages."""
