"""The dashboards, as data: what each panel asks, in which unit, and what it means."""
