# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Reads the root of a message, its one value, and can stop and go on between any two octets.
    #
    # There is no recursion: for each open container there is a frame on a stack, and what is expected
    # next is the mode. An object is read only when it is there whole.
    #
    # Modes: :root, and :done after it; :item of a list; :member of a set; :key and :value of a dict;
    # :attribute and :attribute_value of attributes; :name, :attributes, :content and :close of an
    # extension; :blob_attributes and :blob_close of a blob.
    class Root
      SPACE = " \t\v\r\n".bytes.freeze
      # What may stand in a mode, where that is less than any object: octets, and what is expected.
      ALLOWED = {
        name: ["u", SPACE, "the name of an extension, which is text"],
        attributes: ["DO", SPACE, "the attributes of an extension, which are a dict"],
        attribute: ["u;", SPACE, "the name of an attribute, which is text"],
        close: [";", SPACE, "the ; of an extension"],
        blob_attributes: ["DO", [], "the attributes of a blob, which are a dict"],
        blob_close: [";", [], "the ; of a blob"]
      }.freeze
      GUARDS = ALLOWED.transform_values do |octets, space, _|
        Array.new(256) { |octet| octets.bytes.include?(octet) || space.include?(octet) }.freeze
      end.freeze

      # The value, nil before it is complete; octets that a buffer must hold before `scan` can go on.
      attr_reader :value, :needed

      def initialize(limits, white_space, chunks)
        @limits = limits
        @white_space = white_space
        @chunks = chunks
        @mode = :root
        @guard = @target = @key = nil
        @keyed = false
        @stack = []
        @nodes = 0
        @needed = 1
      end

      def complete?
        @mode == :done
      end

      # Reads from the start of the buffer, which is octet `base` of the message. Gives where it stopped:
      # behind the root, or at an object that is not there whole. One loop, and local variables:
      # that is what makes it fast.
      def scan(buffer, base)
        @base = base
        room = @limits.octets - base
        capped = buffer.bytesize > room
        buffer = buffer.byteslice(0, room) if capped
        text = buffer.dup.force_encoding(Encoding::UTF_8)
        size = buffer.bytesize
        mode = @mode
        guard = @guard
        target = @target
        key = @key
        keyed = @keyed
        stack = @stack
        nodes = @nodes
        most_nodes = @limits.nodes
        digits = @limits.digits
        shortest = [@limits.hexadecimal, @limits.decimal].min
        pos = 0
        needed = nil

        while (octet = buffer.getbyte(pos))
          unexpected(mode, octet, pos) if guard && !guard[octet]
          start = base + pos
          case octet
          when 0x75, 0x62 # u b
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            first = buffer.getbyte(pos + 1)
            if first == 0x3b
              value = String.new(encoding: octet == 0x75 ? Encoding::UTF_8 : Encoding::BINARY)
              pos += 2
            else
              # Lengths of one and two digits by hand.
              if buffer.getbyte(pos + 2) == 0x3a && first > 0x2f && first < 0x3a
                length = first - 0x30
                from = pos + 3
              elsif buffer.getbyte(pos + 3) == 0x3a && first > 0x2f && first < 0x3a &&
                    (second = buffer.getbyte(pos + 2)) > 0x2f && second < 0x3a
                length = (first * 10) + second - 0x210
                from = pos + 4
              else
                length, from = length(buffer, pos)
              end
              stop = from + length if length
              if length.nil? || stop >= size
                needed = length ? announced(pos, stop + 1) : size + 1
                break
              end
              if octet == 0x75
                value = text.byteslice(from, length)
                malformed(pos, "the octets of a text are not UTF-8") unless value.valid_encoding?
              else
                value = buffer.byteslice(from, length)
              end
              malformed(stop, "a text or bytearray ends with ; after its octets") unless buffer.getbyte(stop) == 0x3b
              pos = stop + 1
            end
            value = Bytes.new(value) if octet == 0x62 && (keyed || mode == :key || mode == :member)

          when 0x69 # i
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            stop = buffer.index(";", pos)
            if (stop || size) - pos - 2 > digits || !stop
              literal_beyond(pos, "an integer", digits) if (stop || size) - pos - 2 > digits
              needed = size + 1
              break
            end
            literal = buffer.byteslice(pos + 1, stop - pos - 1)
            malformed(pos, "an integer is a sign, or none, and digits") unless Literals::INTEGER.match?(literal)
            if literal.bytesize > digits && literal.match?(/\A[0-9]/n)
              literal_beyond(pos, "an integer", digits)
            end
            value = literal.to_i
            pos = stop + 1

          when 0x3b # ;
            case mode
            when :item, :key, :member, :attribute then value = target
            when :close then value = Extension.decoded(*target)
            when :blob_close then value = Blob.decoded(*target)
            else no_value(mode, pos)
            end
            pos += 1
            mode, target, key, keyed, start = stack.pop
            guard = nil

          when 0x44, 0x4f # D O
            no_key(octet, pos) if keyed || mode == :key || mode == :member
            too_many_nodes(pos) if (nodes += 4) > most_nodes
            too_deep(pos) if stack.size >= @limits.depth
            stack.push([mode, target, key, keyed, start])
            target = octet == 0x44 ? {} : OrderedHash.new
            if guard
              mode = :attribute
              guard = GUARDS[:attribute]
            else
              mode = :key
            end
            pos += 1
            next

          when 0x66 # f
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            stop = buffer.index(";", pos)
            unless stop && stop - pos - 1 <= shortest
              stop = literal_end(buffer, pos, stop, *float_width(buffer, pos))
              unless stop
                needed = size + 1
                break
              end
            end
            value = Literals.float(buffer.byteslice(pos + 1, stop - pos - 1))
            malformed(pos, "a float is hexadecimal, decimal, inf or nan, and finite if written in digits") unless value
            pos = stop + 1

          when 0x4e, 0x54, 0x46 # N T F
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            unless (stop = buffer.getbyte(pos + 1)) == 0x3b
              malformed(pos + 1, "nil, true and false are N; T; and F;") if stop
              needed = size + 1
              break
            end
            value = octet == 0x4e ? nil : octet == 0x54
            pos += 2

          when 0x4c # L
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            too_deep(pos) if stack.size >= @limits.depth
            stack.push([mode, target, key, keyed, start])
            keyed ||= mode == :key || mode == :member
            mode = :item
            target = []
            pos += 1
            next

          when 0x53 # S
            too_many_nodes(pos) if (nodes += 4) > most_nodes
            too_deep(pos) if stack.size >= @limits.depth
            stack.push([mode, target, key, keyed, start])
            target = keyed || mode == :key || mode == :member ? FrozenSet.new : Set.new
            mode = :member
            pos += 1
            next

          when 0x64, 0x70 # d p
            too_many_nodes(pos) if (nodes += 1) > most_nodes
            stop = buffer.index(";", pos)
            if octet == 0x64
              stop = literal_end(buffer, pos, stop, "a datetime", @limits.datetime)
              value = Literals.datetime(buffer.byteslice(pos + 1, stop - pos - 1)) if stop
            else
              stop = literal_end(buffer, pos, stop, "a timedelta", @limits.timedelta)
              value = Literals.timedelta(buffer.byteslice(pos + 1, stop - pos - 1)) if stop
            end
            unless stop
              needed = size + 1
              break
            end
            no_time(octet, pos) unless value
            pos = stop + 1

          when 0x58 # X
            no_key(octet, pos) if keyed || mode == :key || mode == :member
            too_many_nodes(pos) if (nodes += 4) > most_nodes
            too_deep(pos) if stack.size >= @limits.depth
            stack.push([mode, target, key, keyed, start])
            mode = :name
            guard = GUARDS[:name]
            target = []
            pos += 1
            next

          when 0x42 # B
            no_key(octet, pos) if keyed || mode == :key || mode == :member
            too_many_nodes(pos) if (nodes += 4) > most_nodes
            too_deep(pos) if stack.size >= @limits.depth
            spool, stop = begin_blob(buffer, pos)
            unless spool
              needed = size + 1
              break
            end
            stack.push([mode, target, key, keyed, start])
            mode = :blob_attributes
            guard = GUARDS[:blob_attributes]
            target = [spool]
            pos = stop + 1
            next

          when 0x20, 0x09, 0x0b, 0x0d, 0x0a
            pos = @white_space.skip(buffer, base, pos)
            next

          else
            malformed(pos, "no object begins with #{spell(octet)}")
          end

          # The value, which began at octet `start` of the message, goes where the mode says.
          case mode
          when :value
            target[key] = value
            mode = :key
          when :key
            repeated(start) if target.key?(value)
            too_many_keys(start) if value.is_a?(Integer) && target.size >= @limits.integer_keys
            key = value.freeze
            mode = :value
          when :item
            value.freeze if keyed
            target << value
          when :attribute_value
            target[key] = value
            mode = :attribute
            guard = GUARDS[:attribute]
          when :attribute
            repeated(start) if target.key?(value)
            key = value.freeze
            mode = :attribute_value
            guard = nil
          when :member
            before = target.size
            target << value.freeze
            repeated(start) if target.size == before
            too_many_keys(start) if value.is_a?(Integer) && before >= @limits.integer_keys
          when :content
            target << value
            mode = :close
            guard = GUARDS[:close]
          when :name
            target << value
            mode = :attributes
            guard = GUARDS[:attributes]
          when :attributes
            target << value
            mode = :content
            guard = nil
          when :blob_attributes
            target.unshift(value)
            mode = :blob_close
            guard = GUARDS[:blob_close]
          else
            @value = value
            mode = :done
            break
          end
        end

        nodes -= 1 if needed
        beyond_octets(pos) if capped && mode != :done
        @mode = mode
        @guard = guard
        @target = target
        @key = key
        @keyed = keyed
        @nodes = nodes
        @needed = needed || (size + 1)
        pos
      end

      private

      # Of a text or bytearray: its length, and where its octets begin. No length: it has not come whole.
      def length(buffer, pos)
        length, stop = Number.read(buffer, pos + 1)
        return if length == :more
        return [length, stop + 1] if length && buffer.getbyte(stop) == 0x3a

        malformed(pos, "a length is up to #{Number::MOST_DIGITS} digits, and a : behind them")
      end

      # The octets of a text have not come: whether they may.
      def announced(pos, needed)
        return needed if @base + needed <= @limits.octets

        beyond_octets(pos)
      end

      # Where a literal ends, nil if that has not come.
      def literal_end(buffer, pos, stop, what, width)
        literal_beyond(pos, what, width) if (stop || buffer.bytesize) - pos - 1 > width
        stop
      end

      def float_width(buffer, pos)
        if Literals::HEXADECIMAL.match?(buffer.byteslice(pos + 1, 3))
          ["a hexadecimal float", @limits.hexadecimal]
        else
          ["a float", @limits.decimal]
        end
      end

      # The Spool of a new blob, and where the : behind its id is; nil if that has not come.
      def begin_blob(buffer, pos)
        id, stop = Number.read(buffer, pos + 1)
        return if id == :more
        unless id && buffer.getbyte(stop) == 0x3a
          malformed(pos, "the id of a blob is up to #{Number::MOST_DIGITS} digits, and a : behind them")
        end

        spool = @chunks.reserve(id) or malformed(pos, "there is a blob #{id} already")
        limit(pos, "a message may have #{@limits.blobs} blobs") if @chunks.count > @limits.blobs
        [spool, stop]
      end

      def unexpected(mode, octet, pos)
        malformed(pos, "#{spell(octet)} stands where #{ALLOWED[mode][2]}, must be")
      end

      def no_value(mode, pos)
        malformed(pos, "a key has no value") if %i[value attribute_value].include?(mode)
        malformed(pos, "an extension has no content") if mode == :content
        malformed(pos, "no object begins with ;")
      end

      def no_key(octet, pos)
        malformed(pos, "#{spell(octet)} begins what can be no key, nor an item of a set, nor in one")
      end

      def no_time(octet, pos)
        if octet == 0x64
          malformed(pos, "a datetime is a day and time that there are, as 2020-01-02T03:04:05.000Z, in the years 1 to 9999")
        end
        malformed(pos, "a timedelta is as P0Y0M1DT2H3M4S, and less than 1,000,000,000 of days, years and months")
      end

      def repeated(start)
        raise DecodeError.new(:malformed, start, "this key or item is there already")
      end

      def too_many_nodes(pos)
        limit(pos, "a message may have #{@limits.nodes} nodes")
      end

      def too_deep(pos)
        limit(pos, "containers may be #{@limits.depth} deep")
      end

      def too_many_keys(start)
        limit(start - @base, "a container with integers for keys may have #{@limits.integer_keys} keys")
      end

      def literal_beyond(pos, what, width)
        limit(pos, "#{what} may have #{width} #{what == 'an integer' ? 'digits' : 'octets'}")
      end

      def beyond_octets(pos)
        limit(pos, "a message may have #{@limits.octets} octets beside the content of blobs")
      end

      def spell(octet)
        octet.between?(0x21, 0x7e) ? octet.chr : format("the octet 0x%02x", octet)
      end

      def malformed(pos, reason)
        raise DecodeError.new(:malformed, @base + pos, reason)
      end

      def limit(pos, reason)
        raise DecodeError.new(:limit, @base + pos, reason)
      end
    end
  end
end
