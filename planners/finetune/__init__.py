"""Fine-tuning of the embedded planner: synthetic instructions, an oracle, LoRA."""
