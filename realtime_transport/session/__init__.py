"""The agent wrapper: a session that turns a transport into a conversation with agents, tools and rules."""
