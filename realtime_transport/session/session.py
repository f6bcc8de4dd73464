"""The session: a transport with agents. It composes the rooms of this folder and holds no rule of its own."""

from __future__ import annotations
