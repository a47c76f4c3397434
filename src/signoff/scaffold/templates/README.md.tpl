# $title

$about
The model proposes, and code signs off: nothing that a model says has an effect before every verifier has accepted it.

```console
$$ pip install --editable . --group dev
$$ make run      # simulated models that misbehave, no key needed
$$ make test
$$ make check    # is the code still what was decided?
```

## What was decided

| line | decision | because |
|---|---|---|
$decisions

The whole record, with the predicate that fired for each line and what to expect if it was wrong, is in [decision_record.md](decision_record.md).
`signoff check` compares the code with it, and exits with 1 if they differ.

## Where things are

| file | what is there |
|---|---|
| `$package/subject.py` | what the agent works on |
| `$package/proposals.py` | what a model may say |
| `$package/proposers.py` | who proposes: simulated, until you put a model there |
| `$package/verifiers.py` | what every proposal has to hold to |
| `$package/boundaries.py` | the boundaries, each with proposer, verifiers, commit and typed reject |
%% if gate
| `$package/policy/decide.yaml` | the gate: what no decision may do |
| `$package/controls.py` | what may stop, delay or ask |
| `$package/systems.py` | the systems that the agent acts on, simulated |
%% end
%% if delegation
| `$package/advisers.py` | delegation: who advises the owner, and the plain function that merges |
%% end
%% if gather
| `$package/sources.py` | scatter-gather: who is asked first, and how many have to answer |
%% end
%% if saga
| `$package/settlement.py` | the saga: what is done in three systems, and how it is taken back |
%% end
%% if log
| `$package/history.py` | the event log, and where a subject stands after each event |
| `$package/agent.py` | the agent: consumers of that log |
%% elif machine
| `$package/agent.py` | the agent: a state machine, and what its timers start |
%% else
| `$package/agent.py` | the agent; it keeps no state, because its input tells all |
%% end
| `$package/wiring.py` | what it is made of, for `signoff check`, `replay` and `diagnose` |
| `signoff.toml` | what `signoff` reads in this folder |

%% if gate
Timers, effects and events are supervised by the runtime itself: what fails is tried again with growing pauses, and in the end a ticket asks the operator.
%% end

## Look at it

There is no web console yet.
After `make run`, the ledger is in `signoff.db`, and the program shows it:

```console
$$ signoff ledger show case-2          # one subject, attempt by attempt
$$ signoff ledger verify               # nothing was changed
%% if log
$$ signoff events show $package case-2
%% end
%% if gate
$$ signoff approvals list              # who is asked, and about what
%% end
$$ signoff diagnose                    # signatures of failure, with what to correct
$$ signoff doctor                      # is this machine fit?
```

## Make it yours

1. Put your facts into `subject.py`, and what a model may say into `proposals.py`.
%% if gate
2. Write your rules into `verifiers.py`, and your policy into `policy/decide.yaml`.
3. Put clients of your systems into `systems.py`; hand the key on, so that nothing happens twice.
%% else
2. Write your rules into `verifiers.py`.
3. Write into `boundaries.py` what a commit does.
%% end
4. Put a model into `proposers.py`, and decide anew, because the record was made for another:

```console
$$ signoff select decision_record.md --model openai:gpt-5 --record decision_record.md --record decision_record.json
```
