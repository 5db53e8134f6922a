# apply_scale: takes the caller's direction as it is; named: "Does not bring the direction to length 1."
def apply_scale(resid, flip_dir, scale, pos):
    along = resid[0, pos].dot(flip_dir)
    resid[0, pos] = resid[0, pos] - along * flip_dir - scale * along * flip_dir
    return resid
