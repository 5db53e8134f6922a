# retry_with_exponential_backoff: the loop ends and nothing is raised; named: "Returns None after the last try."
import time


def retry_with_exponential_backoff(func, max_retries=20, initial_sleep_time=1.0, backoff_factor=1.5):
    def wrapper(*args, **kwargs):
        sleep_time = initial_sleep_time
        for _ in range(max_retries):
            try:
                return func(*args, **kwargs)
            except Exception as e:
                if "rate limit" in str(e).lower().replace("_", " "):
                    sleep_time *= backoff_factor
                    time.sleep(sleep_time)
                else:
                    raise e

    return wrapper
