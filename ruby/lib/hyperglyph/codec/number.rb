# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Lengths and blob ids (section 5.2 of the standard).
    module Number
      MOST_ZEROS = 64
      MOST_DIGITS = 10
      NO_DIGIT = /[^0-9]/n

      # Reads the digits from `pos` on. Gives the number, and where the octet behind it is; :more
      # in place of the number if that octet has not come, nil if there is none or it is too long.
      def self.read(buffer, pos)
        stop = buffer.index(NO_DIGIT, pos) || buffer.bytesize
        digits = buffer.byteslice(pos, [stop - pos, MOST_ZEROS + MOST_DIGITS + 1].min)
        return [nil, stop] unless fits?(digits)
        return [:more, stop] if stop == buffer.bytesize

        [digits.empty? ? nil : digits.to_i, stop]
      end

      # The last zero of the number zero is a digit.
      def self.fits?(digits)
        significant = digits.sub(/\A0+/n, "").bytesize
        zeros = digits.bytesize - significant
        zeros -= 1 if significant.zero?
        zeros <= MOST_ZEROS && significant <= MOST_DIGITS
      end
    end
  end
end
