# calculate_answer_importance: subtracts the later accuracy; named: "Subtracts the wrong way round."
from exercises.given.embedder import extract_boxed_answers


def calculate_answer_importance(full_cot_list, answer):
    accuracies = []
    for cots in full_cot_list:
        answers = [extract_boxed_answers(cot) for cot in cots]
        correct = [a[0].strip() == answer.strip() if a else False for a in answers]
        accuracies.append(sum(correct) / len(correct) if correct else float("nan"))
    return [accuracies[i] - accuracies[i + 1] for i in range(len(accuracies) - 1)]
