# What missed its target. In the short form a ratio may be half as much again, of what has been reached so far where
# that is not the target: noise is no regression, and a target that is still ahead is none either.
def slack: if .short then 1.5 else 1 end;
slack as $slack
| [.rows[] | select(.kind == "boot" and .what == "smallest") | .most_s] as $boots
| .rows[]
| if .kind == "duel" and .target != null and .ratio > (if $slack > 1 then .reached // .target else .target end) * $slack
  then .work
  elif .kind == "bound" and .value > .limit then .what
  elif .kind == "scaling" and .exponent > 1.1 then .work
  elif .kind == "boot" and .median_s > $boots[0] then "boot of " + .what + "'s initrd"
  else empty end
