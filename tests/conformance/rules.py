"""For tests of rules that hold or are broken: a line for each rule, what breaks it above."""
broken = []


def say(name, faults):
    for fault in faults:
        print("     " + fault)
    print(("FAIL " if faults else "ok ") + name)
    broken.extend([name] * bool(faults))


def status():
    """Of the process: 1 when a rule was broken."""
    return 1 if broken else 0
