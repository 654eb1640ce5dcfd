"""What tests and benchmarks share: clients, throw-away servers, sample payloads, and the real Vercel tools."""
