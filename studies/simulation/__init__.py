"""People played by a program, who answer the real pages over HTTP: for a demo, a rehearsal, and tests of measures."""
