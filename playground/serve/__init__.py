"""The engine for programs and agents: REST in the shapes that clients know, and MCP. The only room with fastapi."""
