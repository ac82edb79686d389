"Answers to the exercises of chapter 7 that their checks must not take."

WRONG = [
    "check_best_team(lambda batch, **link: 1)",
    "check_best_team(lambda batch, **link: min(batch, 1_000))",
    "check_best_team(lambda batch, **link: 5_000)",
    "check_best_team(lambda batch, **link: int(step_seconds(np.arange(1, min(batch, 1_000) + 1), batch).argmin()) + 1)",
    "check_best_team(lambda batch, **link: int(step_seconds(np.arange(1, min(batch, 1_000) + 1), batch, **link).argmin()))",
    "check_mean_of_shares(lambda gradients, counts: sum(gradients) / len(gradients))",
    "check_mean_of_shares(lambda gradients, counts: sum(gradients))",
    "check_mean_of_shares(lambda gradients, counts: sum(g / n for g, n in zip(gradients, counts)))",
    "check_mean_of_shares(lambda gradients, counts: sum(g * n for g, n in zip(gradients, counts)))",
]
