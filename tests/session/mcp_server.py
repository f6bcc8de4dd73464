"""A real MCP server for the tests: over stdio when run, or over HTTP when its app is served."""

import os

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("shop")


@server.tool()
def price(item: str, count: int = 1) -> dict[str, float]:
    """Look up a price."""
    return {"price": 2.5 * count}


@server.tool()
def greet(name: str) -> str:
    return f"Hello {name}, {os.environ.get('GREETING', 'no greeting')}, {os.environ.get('OPENAI_API_KEY', 'no key')}"


@server.tool()
def refuse() -> str:
    raise ValueError("a secret of the server")


@server.tool()
async def learn(ctx: Context) -> str:
    """Offer one more tool from now on."""

    def dance() -> str:
        return "dancing"

    server.add_tool(dance)
    await ctx.notify_tools_changed()
    return "learnt"


@server.tool()
def leave() -> str:
    os._exit(3)


if __name__ == "__main__":
    server.run("stdio")
