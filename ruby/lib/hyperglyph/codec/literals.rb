# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Reads literals: what stands between the prefix of a float, datetime or timedelta and its `;`
    # (integers are read in Root, faster). Each takes a binary String and gives the value, or nil if it is none.
    # Writes those that Ruby does not write so.
    module Literals
      INTEGER = /\A[+-]?[0-9]+\z/n
      HEXADECIMAL = /\A[+-]?0x/in

      # What encoders write, its exponents near the ends aside: Float() is exact for it, and fast.
      FLOAT = /\A-?0x1\.[0-9a-f]{13}p[+-][0-9]{1,3}\z/n
      HEX_FLOAT = /\A([+-])?0x([0-9a-f]+)(?:\.([0-9a-f]*))?(?:p([+-]?[0-9]+))?\z/in
      DECIMAL_FLOAT = /\A([+-])?(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:e([+-]?[0-9]+))?\z/in
      # What stands around the 13 digits of a float, by the three digits of its sign and exponent; nil for those
      # without a spelling of this kind: zeros, subnormal numbers, infinities and NaN.
      ENDS = (0...0x1000).to_h do |bits|
        exponent = bits & 0x7ff
        ends = ["f#{'-' if bits > 0x7ff}0x1.".freeze, format("p%+d;", exponent - 1023).freeze].freeze
        [format("%03x", bits).freeze, exponent.between?(1, 0x7fe) ? ends : nil]
      end.freeze
      FLOAT_NAMES = {
        "inf" => Float::INFINITY, "+inf" => Float::INFINITY, "-inf" => -Float::INFINITY,
        "infinity" => Float::INFINITY, "+infinity" => Float::INFINITY, "-infinity" => -Float::INFINITY,
        "nan" => Float::NAN, "+nan" => Float::NAN, "-nan" => Float::NAN
      }.freeze

      DATETIME = /\A([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?
                  (?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))\z/nx
      DAYS = [nil, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].freeze
      YEARS = (1..9999).freeze
      # 1970 in the astronomical Julian days of DateTime, which begin at noon.
      UNIX_EPOCH = Rational(4_881_175, 2)

      TIMEDELTA = /\A([+-])?P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?
                   (?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?\z/nx

      module_function

      def float(literal)
        return Float(literal) if FLOAT.match?(literal)
        return hex_float($1, $2, $3 || "", $4.to_i) if HEX_FLOAT =~ literal
        return decimal_float(literal, $1, $2 || "", $3 || $4 || "", $5.to_i) if DECIMAL_FLOAT =~ literal

        FLOAT_NAMES[literal.downcase]
      end

      # Nil for an instant outside of the years 1 to 9999, too.
      def datetime(literal)
        return unless DATETIME =~ literal

        year, month, day = $1.to_i, $2.to_i, $3.to_i
        hour, minute, second = $4.to_i, $5.to_i, $6.to_i
        return unless day?(year, month, day) && hour < 24 && minute < 60 && second < 60

        time = Time.utc(year, month, day, hour, minute, second, microseconds($7))
        return time unless $8

        hours, minutes = $9.to_i, $10.to_i
        return if hours > 23 || minutes > 59

        offset = ((hours * 60) + minutes) * 60
        time = $8 == "-" ? time + offset : time - offset
        time if YEARS.cover?(time.year)
      end

      # A Duration or Period. Nil for one out of range, too.
      def timedelta(literal)
        return unless TIMEDELTA =~ literal

        sign = $1 == "-" ? -1 : 1
        years, months = $2.to_i, $3.to_i
        days = ($4.to_i * 7) + $5.to_i
        seconds = (((($6.to_i * 60) + $7.to_i) * 60) + $8.to_i)
        rest = sign * ((days * Duration::DAY) + (seconds * Duration::SECOND) + microseconds($9))
        return unless Duration::RANGE.cover?(rest) && years <= Period::MOST && months <= Period::MOST

        rest = Duration.new(microseconds: rest)
        years.zero? && months.zero? ? rest : Period.new(years: sign * years, months: sign * months, rest: rest)
      end

      # The one spelling of a float (REQ-FLT-5), with prefix and terminator. Not by "%a", which rounds.
      def spell_float(value)
        bits = [value].pack("G").unpack1("H16")
        head, tail = ENDS[bits.byteslice(0, 3)]
        return "#{head}#{bits.byteslice(3, 13)}#{tail}" if head
        return "fnan;" if value.nan?

        sign = bits.getbyte(0) > 0x37 ? "-" : ""
        return "f#{sign}inf;" if value.infinite?

        value.zero? ? "f#{sign}0x0.0p+0;" : "f#{sign}0x0.#{bits.byteslice(3, 13)}p-1022;"
      end

      # Of a DateTime, to the microsecond. Its days are counted here, since its calendar changes in 1582.
      def time(datetime)
        days = datetime.ajd - UNIX_EPOCH
        Time.at(0, (days * Duration::DAY).floor, :usec, in: "UTC")
      end

      # Of the digits of a fraction of a second, or nil; the rest is cut.
      def microseconds(fraction)
        fraction ? fraction[0, 6].ljust(6, "0").to_i : 0
      end

      def day?(year, month, day)
        return false unless year.positive? && month.between?(1, 12) && day.positive?

        leap = month == 2 && (year % 4).zero? && (!(year % 100).zero? || (year % 400).zero?)
        day <= DAYS[month] + (leap ? 1 : 0)
      end

      def hex_float(sign, whole, fraction, exponent)
        number = (whole + fraction).to_i(16)
        signed(sign, round(number, 1, exponent - (4 * fraction.size)))
      end

      # Up to 15 digits and small exponents Ruby's own conversion is exact, and it is faster.
      def decimal_float(literal, sign, whole, fraction, exponent)
        return literal.to_f if whole.size.between?(1, 15 - fraction.size) && !fraction.empty? && exponent.abs < 100

        number = (whole + fraction).to_i
        return signed(sign, 0.0) if number.zero?

        exponent -= fraction.size
        magnitude = number.to_s.size + exponent
        return if magnitude > 310
        return signed(sign, 0.0) if magnitude < -330

        signed(sign, exponent.negative? ? round(number, 10**-exponent, 0) : round(number * (10**exponent), 1, 0))
      end

      def signed(sign, float)
        sign == "-" && float ? -float : float
      end

      # number / divisor * 2 ** exponent, rounded to the nearest float, ties to the even one, by whole
      # numbers; nil beyond the largest.
      def round(number, divisor, exponent)
        return 0.0 if number.zero?

        size = number.bit_length - divisor.bit_length + exponent
        return if size > 1100
        return 0.0 if size < -1100

        # 55 bits or 56 and what they leave decide; subnormal numbers have fewer.
        shift = [number.bit_length - divisor.bit_length - 55, -1076 - exponent].max
        quotient, rest = shift.negative? ? (number << -shift).divmod(divisor) : number.divmod(divisor << shift)
        quotient = (quotient << 1) | (rest.zero? ? 0 : 1)
        exponent += shift - 1
        excess = [quotient.bit_length - 53, -1074 - exponent].max
        float = Math.ldexp(half_even(quotient, excess).to_f, exponent + excess)
        float if float.finite?
      end

      # number / 2 ** bits, as round does it. bits is above 0.
      def half_even(number, bits)
        kept = number >> bits
        rest = number - (kept << bits)
        half = 1 << (bits - 1)
        rest > half || (rest == half && kept.odd?) ? kept + 1 : kept
      end
    end
  end
end
