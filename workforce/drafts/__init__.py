"""Drafts of answers: a reload, another tab or another device goes on with them."""
