# retry_with_exponential_backoff: waits whatever has happened; named: "Retries whatever the error is."
import time


def retry_with_exponential_backoff(func, max_retries=20, initial_sleep_time=1.0, backoff_factor=1.5):
    def wrapper(*args, **kwargs):
        delay = initial_sleep_time
        for attempt in range(max_retries):
            try:
                return func(*args, **kwargs)
            except Exception:
                if attempt == max_retries - 1:
                    raise
                time.sleep(delay)
                delay *= backoff_factor

    return wrapper
