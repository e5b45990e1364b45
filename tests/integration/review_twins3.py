import sys, tempfile, traceback
import store.clauses, store.sql, store.facets, sync.recording, store.terms
store.facets._FEW, store.facets._FEW_MOVED, store.facets._AT_ONCE = 3, 2, 3
store.clauses._FEW, store.clauses._MANY = 1, 2
store.sql._MOST_VALUES, store.sql._DEEPEST = 12, 8
store.terms._AT_ONCE, store.terms._MOST = 2, 3
sync.recording._AT_ONCE, sync.recording._ROWS_AT_ONCE = 2, 5
from tests.integration.review_twins2 import Life
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    with tempfile.TemporaryDirectory(dir="/tmp/scratch/rev") as base:
        life = Life(seed, base)
        try:
            life.go(int(sys.argv[3])); print(seed, "ok", flush=True)
        except Exception as error:
            print(seed, "FAILED after", len(life.log), life.now, type(error).__name__, str(error)[:3000], flush=True)
            if not isinstance(error, AssertionError): traceback.print_exc()
        finally: life.close()
