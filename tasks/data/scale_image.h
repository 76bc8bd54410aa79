// Pictures of any size as images of a data set.
#pragma once
#include "tasks/data/dataset.h"
#include "tasks/io/image.h"

namespace stillpoint {

// One image of the data set's size and channels: every pixel is the mean over the area of the picture that it
// covers (the whole picture is stretched to fit), grey is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
// inverted: 255 minus each value, for dark ink on white where the data set has light on black. Its label is
// 0.
ImageSet scaled_to(const Image& picture, const DatasetInfo& info, bool inverted);

}  // namespace stillpoint
