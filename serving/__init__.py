"""The production WSGI app, and the routing of vercel.json that it follows."""
