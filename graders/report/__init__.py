"""Reports: what people and machines read of a grade. They know `graders.engine.results` and nothing else of ours."""
