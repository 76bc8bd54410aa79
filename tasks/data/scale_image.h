// Turns pictures of any size into images of a data set.
#pragma once
#include "tasks/data/dataset.h"
#include "tasks/io/image.h"

namespace stillpoint {

// Returns the picture with height x width pixels, each the mean over the area that it covers.
Image averaged(const Image& picture, std::int64_t height, std::int64_t width);

// Returns the largest part in the middle of the picture that has the shape of height x width, averaged to
// that size; a picture of that size as it is.
Image fitted(Image picture, std::int64_t height, std::int64_t width);

// Returns 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded.
std::uint8_t grey_of(const std::uint8_t* rgb);

// Returns the values (channels, height, width) of a picture, of grey or of colours.
std::vector<std::uint8_t> planes_of(const Image& picture, Index channels);

// Returns one image of the data set's size and channels, with label 0: fitted() if the data set is cropped;
// otherwise every pixel is the mean over the area of the picture that it covers (the whole picture is
// stretched to fit). `inverted` takes 255 minus each value: for dark ink if the data set has light ink on
// black.
ImageSet scaled_to(const Image& picture, const DatasetInfo& info, bool inverted);

}  // namespace stillpoint
