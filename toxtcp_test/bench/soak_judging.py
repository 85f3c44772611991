"""soak.py sees what it is there to see. SPDX-License-Identifier: ISC"""
import types
import unittest

import soak


def sample(**changes):
    plain = {"rss_kib": 10000, "descriptors": 20, "clients": 8, "routes": 0, "queued": 0}
    return types.SimpleNamespace(**plain | changes)


def result(**changes):
    group = {"scenario": "churn", "connects": {"ok": 5, "failed": 0, "failed_by_reason": {}}}
    group |= dict.fromkeys(("lost", "duplicated", "reordered", "corrupted", "misdelivered"), 0)
    return {"groups": [group | changes]}


class Judging(unittest.TestCase):
    def test_rest(self):
        self.assertEqual(soak.judge_rest(sample(), sample()), [])
        self.assertEqual(soak.judge_rest(sample(), sample(rss_kib=9000)), [])
        self.assertEqual(soak.judge_rest(sample(), sample(rss_kib=11000)), [])
        for worse in ({"rss_kib": 11100}, {"descriptors": 21}, {"descriptors": 19}, {"clients": 9}, {"routes": 1}, {"queued": 1}):
            self.assertEqual(len(soak.judge_rest(sample(), sample(**worse))), 1, worse)

    def test_churn(self):
        flat = [sample()] * 50
        growing = [sample(rss_kib=10000 + 40 * i) for i in range(50)]
        self.assertEqual(soak.judge_churn(flat), [])
        self.assertEqual(soak.judge_churn([]), [])
        self.assertEqual(len(soak.judge_churn(growing)), 1)
        # It may grow while it fills.
        self.assertEqual(soak.judge_churn([sample(rss_kib=100 * i) for i in range(10)] + flat), [])

    def test_load(self):
        self.assertEqual(soak.judge_load(result()), [])
        for what in ("lost", "duplicated", "reordered", "corrupted", "misdelivered"):
            self.assertEqual(len(soak.judge_load(result(**{what: 1}))), 1, what)
        for connects in ({"ok": 5, "failed": 1}, {"ok": 0, "failed": 0}):
            self.assertEqual(len(soak.judge_load(result(connects=connects | {"failed_by_reason": {}}))), 1)


if __name__ == "__main__":
    unittest.main()
