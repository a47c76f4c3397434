# Read by `signoff` when it is run in this folder.

[boundaries]
app = "$package.wiring:crossed"

[check]
app = "$package.wiring:wiring"
record = "decision_record.md"
%% if gate

# Who may answer and who may kill. Put the people here who do.
[principals.dana]
%% if desk
roles = ["desk", "operator"]
%% else
roles = ["operator"]
%% end
may_kill = ["everything"]
%% end
