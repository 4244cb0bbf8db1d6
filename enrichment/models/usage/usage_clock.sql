-- When a day of usage begins: at the time of day of the instant that is described, so that windows of days end there.
SELECT as_of - date_trunc('day', as_of) AS day_begins FROM run_clock
