# Read by `signoff` when it is run in this folder.

[boundaries]
app = "$package.wiring:crossed"

[check]
app = "$package.wiring:wiring"
record = "decision_record.md"
%% if gate

# A policy that the console shows, with its rules and what it would have decided about what is on record.
[[policies]]
file = "$package/policy/decide.yaml"
proposal = "$package.proposals:Decision"
subject = "$package.subject:$Subject"
boundary = "$package.decide"

# Who may answer and who may kill. Put the people here who do.
[principals.dana]
%% if desk
roles = ["desk", "operator"]
%% else
roles = ["operator"]
%% end
may_kill = ["everything"]
%% end
