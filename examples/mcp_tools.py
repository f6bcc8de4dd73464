"""Tools of a local MCP server (extra ``mcp``). This file is both: the server, when run with ``serve``, and its user.

realtime-transport serve            # in another terminal
python examples/mcp_tools.py
"""

import asyncio
import sys

from realtime_transport import McpServer, RealtimeAgent, RealtimeSession


def serve() -> None:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("library")

    @server.tool()
    def books_about(subject: str) -> list[str]:
        """List the books about a subject."""
        return [f"All about {subject}", f"{subject.capitalize()} for beginners"]

    server.run("stdio")


async def main() -> None:
    library = McpServer.stdio(sys.executable, __file__, "serve", label="library", allowed=lambda name: "books" in name)
    agent = RealtimeAgent(name="librarian", instructions="You know every book.", mcp_servers=[library])
    async with RealtimeSession(agent, url="ws://127.0.0.1:8080/v1/realtime") as session:
        for tool in session.available_mcp_tools:
            print(f"offered: {tool.name} - {tool.description}")
        session.send_message("Which books are there about bees?")
        called = await session.wait_for("agent_tool_end", timeout=30)
        print(f"{called.tool_name} took {called.seconds:.3f} s and returned {called.output}")
        print((await session.wait_for("agent_end", timeout=30)).output)


if sys.argv[1:] == ["serve"]:
    serve()
else:
    asyncio.run(main())
