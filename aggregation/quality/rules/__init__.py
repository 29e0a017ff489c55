"""Rules: actions on workers whose measures meet a condition. No rule rejects work or refuses pay."""
