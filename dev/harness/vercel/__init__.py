"""The real Vercel tools: the pinned CLI, builds, and functions booted as the platform boots them."""
