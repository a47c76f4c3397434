# What no decision may do. Asked before every commit of $package.decide.
policy: $package-decide
version: "1"
default: allow
rules:
  - id: limit
    when: proposal.amount > subject.limit
    code: over_limit
    message: "{proposal.amount:.2f} proposed, {subject.limit:.2f} allowed"
    then: revise
    path: amount

  - id: nothing
    when: proposal.amount == 0.0
    code: nothing
    message: "a decision about nothing changes nothing"
    then: revise
    path: amount
