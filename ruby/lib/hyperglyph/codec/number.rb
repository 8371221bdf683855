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

    # Counts the white space of a message and goes past it.
    class WhiteSpace
      OTHER = /[^ \t\v\r\n]/n

      def initialize(limits)
        @left = limits.white_space
      end

      # Where the first other octet from `pos` on is, or the end. `base` is where the buffer begins.
      def skip(buffer, base, pos)
        stop = buffer.index(OTHER, pos) || buffer.bytesize
        width = stop - pos
        if width > @left
          raise DecodeError.new(:limit, base + pos + @left, "there is more white space than the limits allow")
        end

        @left -= width
        stop
      end
    end
  end
end
