"""The machine door: JSON, the tracking dialect, webhooks. Thin: it calls the same services as the pages."""
